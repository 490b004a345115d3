"""Floor 5: the Docker-compatible command line.

main       global flags, verb to module, the error boundary: start here
flags      declared flags with pflag's rules
values     grammars of sizes, CPUs, variables, labels, limits
help       help texts in Docker's layout
suggest    what a mistyped word was meant to be
escape     what may reach a terminal
container  commands about containers
image      commands about images
system     commands about the engine
"""
