"""The staticfile buildpack: a directory of files, served by Debian's nginx.

    reading    the Staticfile as keys and values: a small part of YAML
    settings   what its keys mean (Cloud Foundry's staticfile-buildpack, and headers)
    site       which directory is served
    etags      validators made of content, since files of a droplet all have one time
    config     nginx.conf
    supply     nginx into our deps directory
    finalize   the site and its nginx.conf into the app, checked by nginx itself

At run time ``conf/serve.sh`` (in the droplet ``deps/<index>/bin/staticfile-serve``) fills in PORT and starts nginx.
"""
