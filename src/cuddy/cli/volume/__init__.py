"""Commands about volumes, one verb a file.

create    make one
ls        list
inspect   everything that is known
rm        remove
prune     remove those that no container uses
mv        another name
cp        files from one, into one, between two
export    all of one as a tar
import_   and back
snapshot  a copy as it is now
diff      how two differ
"""
