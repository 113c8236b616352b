"""The binary buildpack: a program that is ready to run. It makes nothing and is never detected; it must be named."""
