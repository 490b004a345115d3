FROM scratch
run		tabs between
RUN a  b
RUN ["not json"
RUN ['single']
RUN ["a"] trailing
RUN [] x
CMD [ "a" , "b" ]
CMD [""]
CMD ["\ud800"]
COPY [a] [b]
COPY a	b
ENV a=b=c d="e"f'g'
ENV "a b"=c
ARG a="b c"d e\ f=g
LABEL multi="a\
b"
FROM scratch as two
FROM scratch aS tHree
