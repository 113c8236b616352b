"""The apt buildpack: the Debian packages of an Aptfile, without root, for later buildpacks and for the running app.

    aptfile       what the app asks for
    supply        lists → resolution → archives → tree → links; all of it reused while nothing changed
    alternatives  what ``update-alternatives`` would have linked
    elf           which libraries a program needs
    exposing      bin, lib, include and pkgconfig of our deps directory, which lead into the tree
    pkgconfig     .pc files that find the tree by their own place
    fixes         known packages that need a file or a variable to work outside /usr

Maintainer scripts are not run. The packages lie in ``deps/<index>/apt`` as they would on a root.
"""
