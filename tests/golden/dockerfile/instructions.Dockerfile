# syntax = docker/dockerfile:1
#check=skip=all
ARG VERSION=3.19 FLAVOUR
FROM --platform=$BUILDPLATFORM alpine:${VERSION} AS Build
ARG FLAVOUR="a b" OTHER='c d' EMPTY= BARE
MAINTAINER  Somebody <some@body>
ENV A=1 B="two words" C=three\ words D='$A'
ENV LEGACY  a  value   with blanks
LABEL "com.example.name"="x" version=1
WORKDIR  /a b
USER app:app
VOLUME /data /more
VOLUME ["/with blank", "/b"]
EXPOSE 80 443/tcp 6000-6010/udp
STOPSIGNAL SIGQUIT
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
HEALTHCHECK --interval=5s --timeout=1m --retries=3 CMD curl -f http://localhost/ || exit 1
HEALTHCHECK CMD ["curl", "x"]
HEALTHCHECK NONE
ONBUILD COPY --chown=1:1 . /src
onbuild  run make
ENTRYPOINT ["/bin/x", "--flag"]
ENTRYPOINT x --flag
CMD ["a", "b\u00e9\n"]
CMD
RUN echo "one   two"
RUN ["/bin/sh", "-c", "true"]
COPY a b c/
COPY ["a b", "c d", "/e f/"]
ADD https://example.com/x.tar.gz /x
