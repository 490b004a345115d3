import html
import os
import sys

source, target = sys.argv[1:]
os.makedirs(f"{target}/posts")
for name in sorted(os.listdir(source)):
    with open(f"{source}/{name}") as file:
        title, _, text = file.read().partition("\n")
    with open(f"{target}/posts/{name}.html", "w") as page:
        page.write(f"<h1>{html.escape(title)}</h1><p>{text.strip()}</p>\n")
os.symlink("posts/first.html", f"{target}/index.html")
