"""Why builders differ: every line in which two of them do not agree has a reason here.

A line tells `- ` what BuildKit makes (or cuddy, where it is asked), and `+ ` what the other makes.
"""

from __future__ import annotations

import fnmatch
import re


def why(builder: str, project: str, line: str) -> str:
    """Why a builder's answer is another in this line; "" if nobody knows."""
    for builders, projects, pattern, reason in EXPLAINED:
        is_meant = builder in builders.split() and fnmatch.fnmatch(project, projects)
        if is_meant and re.search(pattern, line):
            return reason
    return ""


EXPLAINED: list[tuple[str, str, str, str]] = [
    # builders, project, lines as a regular expression: why
    #
    # Not to be had there at all
    ("classic", "*", "^refused: .*(BuildKit|unknown flag|parse error)", "only BuildKit has that"),
    ("classic", "*", "^refused: .*no source files", "no heredocs, and a pattern has to match"),
    ("classic", "heredoc-run", "tree: ", "its RUN knows no heredocs and takes them for comments"),
    ("classic", "attributes", "^refused: ", "heredocs, as above"),
    ("classic", "python-zipapp", "^refused: ", "heredocs, as above"),
    ("classic", "matrix", "^refused: .*exit 9", "it builds stages that nobody needs"),
    ("classic", "test-stage", "^refused: .*exit 3", "it builds stages that nobody needs"),
    ("classic", "platforms", "^refused: .*platform", "it knows no platform of its own"),
    ("classic", "monorepo", "^refused: ", "it knows no ignore file of a Dockerfile"),
    ("classic", "add-git", "^refused: ", "it fetches no repositories"),
    ("classic", "copy-chown", "^refused: ", "a user's name has to be a group's name too"),
    ("classic buildkit", "scratch-config", "^refused: ", "docker saves no image without layers"),
    ("buildkit", "copy-parents", "^refused: .*--parents", "not in the one that dockerd has"),
    ("podman", "add-archive-flags", "^refused: .*--unpack", "ADD --unpack is not known"),
    ("podman", "add-git", "^refused: .*keep-git-dir", "ADD --keep-git-dir is not known"),
    ("podman", "copy-chmod", "^refused: .*chmod", "--chmod takes numbers only"),
    ("podman", "copy-chown", "^refused: ", "a user's name has to be a group's name too"),
    ("podman", "copy-exclude", "^refused: ", "a source of which nothing is left is an error"),
    ("podman", "letter-case", "^refused: .*BUILD", "names of stages are not folded"),
    ("podman", "run-cache", "^refused: .*mountpoints", "sharing=private is not known"),
    ("podman", "run-secret", "^refused: .*secret", "a secret is no variable there"),
    ("podman", "run-tmpfs", "^refused: .*size", "tmpfs has no size there"),
    ("podman", "special-files", "^refused: ", "its RUN has no CAP_MKNOD"),
    #
    # Of the classic builder
    ("classic", "*", "config: - WorkingDir: /$", "BuildKit says it of scratch, the classic not"),
    ("classic", "add-archive-flags", "tree: .*kept/", "it does not know --unpack, and takes it"),
    ("classic", "add-archive-flags", "tree: .*owned", "owners in the archive win over --chown"),
    ("classic", "arg-scopes", "tree: .*first:", "an ARG below an ENV of its name: ENV stays"),
    ("classic", "copy-exclude", "tree: ", "it does not know --exclude, and takes it"),
    ("classic", "c-hello", "tree: - (dev|proc|sys)", "BuildKit leaves what RUN mounts on"),
    ("classic", "scratch-binary", "tree: - (dev|proc|sys)", "BuildKit leaves what RUN mounts on"),
    ("classic", "ignore-rules", "tree: .*node_modules", "no `!` below a directory that `**` hid"),
    ("classic", "inherited", "tree: [+] (data|logs)", "it makes the directories of volumes"),
    ("classic", "inherited", "tree: .*srv/www", "a WORKDIR is root's there, not USER's"),
    ("classic", "inherited-entrypoint", "config: .*NONE", "NONE keeps the other settings there"),
    ("classic", "modes", "tree: .*bits/[24]755", "chown takes set-uid away, it is not put back"),
    ("classic", "volume-then-write", "tree: ", "RUN writes into a volume, which is thrown away"),
    ("classic", "working-directories", "tree: .*by-user", "a WORKDIR is root's there, not USER's"),
    #
    # Of podman
    ("podman", "add-url", "tree: .*packed: d", "--chmod is not for the parents of what is copied"),
    ("podman", "arg-scopes", "tree: .*first:", "an ARG below an ENV of its name: ENV stays"),
    ("podman", "attributes", "tree: .*taken/ping", "docker's layers have no attributes of users"),
    ("podman", "copy-link", "tree: .*data: d", "--chmod is not for the parents of what is copied"),
    ("podman", "cron", "tree: .*spool", "--chmod is not for the parents of what is copied"),
    ("podman", "dev-container", "config: .*Env", "what is set again goes to the end"),
    ("podman", "inherited", "config: .*Env", "what is set again goes to the end"),
    ("podman", "env-forms", "config: .*Env|tree: .*env:", "two backslashes at the end go on there"),
    ("podman", "word-expansion", "^refused: ", "it knows few modifiers of variables"),
    ("podman", "escape-backtick", "config: ", "a backtick escapes lines there, not words"),
    ("podman", "run-security", "tree: ", "it has fewer capabilities by default"),
    ("podman", "exec-forms", "tree: - work:", "a WORKDIR without a RUN after it is not made"),
    ("podman", "volume-then-write", "tree: - data/work", "a WORKDIR without a RUN is not made"),
    ("podman", "working-directories", "tree: - ", "a WORKDIR without a RUN is not made"),
    ("podman", "inherited-entrypoint", "tree: - srv", "a WORKDIR without a RUN is not made"),
    ("podman", "inherited-entrypoint", "config: .*Entry", "the SHELL of a base does not count"),
    ("podman", "shell-words", "config: .*(Cmd|Entry)", "SHELL does not count for CMD"),
    ("podman", "exposed-ports", "config: ", "ranges stay as they are written"),
    ("podman", "web-server", "config: .*Ports", "ranges stay as they are written"),
    ("podman", "heredoc-copy", "tree: .*bin:", "--chmod is not for the parents of what is copied"),
    ("podman", "heredoc-copy", "tree: .*(empty|app.conf)", "other rules for empty ones and quotes"),
    ("podman", "ignore-rules", "tree: .*node_modules", "no `!` below a directory that `**` hid"),
    ("podman", "inherited", "tree: .*srv/www", "a missing WorkingDir is USER's, as for BuildKit"),
    ("podman", "inherited", "tree: [+] (data|logs)", "it makes the directories of volumes"),
    ("podman", "sqlite-seed", "tree: [+] data", "it makes the directories of volumes"),
    ("podman", "volume-then-write", "tree: [+] made", "it makes the directories of volumes"),
    ("podman", "modes", "tree: .*bits/", "chown takes set-uid away, it is not put back"),
    ("podman", "python-web", "tree: .*srv/app:", "COPY to what is there gives it the owner too"),
    #
    # Of older ones: podman 4.3
    ("podman", "*", "tree: [+] etc/(hostname|hosts|resolv.conf): f 0755 0:0 0 ", "RUN leaves it"),
    ("podman", "*", "tree: [+] (dev|etc|proc|run|sys): d 0755 0:0", "RUN leaves it"),
    ("podman", "*", "config: - WorkingDir: /$", "BuildKit says it of scratch"),
    ("podman", "*", "^refused: .*only supports", "that flag is not known to podman 4.3"),
    ("podman", "*", "^refused: .*(<<|Unknown instruction)", "podman 4.3 knows no heredocs"),
    ("podman", "health", "^refused: .*start-interval", "podman 4.3 knows no such flag"),
    ("podman", "volume-then-write", "tree: .*(after|before)", "RUN writes into a volume"),
    ("classic", "word-expansion", "^refused: .*substitution", "docker 20.10 knows few modifiers"),
    ("podman", "run-bind", "^refused: .*mountpoints", "podman 4.3 knows no relative targets"),
    ("podman", "add-git", "^refused: ", "podman 4.3 fetches no repositories"),
    ("podman", "copy-wildcards", "^refused: ", "podman 4.3 escapes brackets otherwise"),
    #
    # Of cuddy, beside what was recorded
    ("cuddy", "c-hello", "tree: - (dev|proc|sys)", "RUN leaves nothing that it mounts on"),
    ("cuddy", "scratch-binary", "tree: - (dev|proc|sys)", "RUN leaves nothing that it mounts on"),
    ("cuddy", "copy-parents", "tree: .*owned: ", "--chmod is of the parents too, as for BuildKit"),
    ("cuddy", "inherited", "tree: .*srv/www", "a WorkingDir that is missing is made as by `run`"),
    ("cuddy", "attributes", "tree: .*taken/ping", "attributes of users are kept, as podman does"),
]  # fmt: skip
