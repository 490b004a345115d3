# syntax=x
FROM a
# café in a comment
RUN x \
 # ÿ
 y
LABEL name=Ã©tÃ©
