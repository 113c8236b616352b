"""The procfile buildpack: an app that brings all it needs, with its start commands in a Procfile. It makes nothing."""
