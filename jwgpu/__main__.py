"""`python -m jwgpu` is the command line."""

from jwgpu.cli import main

main()
