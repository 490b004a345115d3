FROM a AS b
RUN --mount=type=cache,target=/x,sharing=locked --mount=type=secret,id=s --network=none --security=sandbox make
RUN --mount="type=bind,source=a b,target=/x" \
    --mount=type=tmpfs,\
target=/t --device=vendor.com/x=y,required make
RUN -- --not a flag
RUN --network=host ["a"]
RUN echo --mount=type=bind
COPY --from=b --chown=a:b --chmod=u=rwX,go=rX --link --parents --exclude=*.o --exclude=.git ./a/./b /c
COPY --link=false --parents=TRUE a b
ADD --keep-git-dir=true --checksum=sha256:0123 --unpack=false --link https://example.com/x.git#v1 /x
ADD --unpack a b
COPY --from=b\ c a b
