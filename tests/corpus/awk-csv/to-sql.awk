BEGIN { FS = ";" }
NR > 1 { gsub(/'/, "''", $1); printf "INSERT INTO city VALUES ('%s', %d);\n", $1, $2 }
