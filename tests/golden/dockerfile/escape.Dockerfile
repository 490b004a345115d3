# escape=`
FROM scratch
RUN one `
  two
COPY a\b C:\dir\ 
ENV X=a` b Y="`"q`""
RUN back\
CMD ``
