FROM a
RUN <<EOF
echo one
  # not a comment
echo two \
EOF
RUN <<-EOF
	indented
		twice
	EOF
RUN <<'EOF'
$quoted
EOF
RUN <<"E F"
a name of two words
E F
RUN cat <<A >/a && 3<<-B cat >/b
of a
A
	of b
	B
RUN <<EOF python3
print("x")
EOF
RUN <<EOF
#!/usr/bin/env python
EOF
COPY <<one.txt <<"two.txt" three /d/
one $X
one.txt
two $X
two.txt
COPY --chmod=0644 <<-EOF /tabs
	x
	EOF
ADD <<EOF /added
y
EOF
ONBUILD RUN <<EOF
later
EOF
RUN echo $((1<<2)) <<<word
RUN ["echo", "<<EOF"]
RUN echo "<<EOF" '<<EOF' \<<EOF
CMD <<EOF
ENV A=<<EOF
RUN << EOF
a blank before
EOF
RUN <<EOF
EOF
