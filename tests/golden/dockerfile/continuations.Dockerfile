
   # a comment before everything is no directive any more
# escape=`
FROM scratch
RUN one \
two \   
  # a comment inside
	# and one with a tab

  three\
four
RUN ends with two escapes \\
RUN no \ continuation
  RUN   leading	tabs	and blanks   
RUN \
  alone
ENV A=b \
    # why
    C=d \

    E="f \
g"
RUN \

CMD last \
