"""The nodejs buildpack: Node.js by the app's range, its package manager, its packages, its build script and its start command.

The road, module by module: ``package_json`` reads what the app says; ``request`` turns it into a range of Node.js and ``choice``
picks a version; ``semver`` and ``lines`` hold the rules and tables for both. ``toolbox`` brings a first node and npm, with
which ``registry`` fetches everything else; ``managers`` chooses among npm, yarn and pnpm, and ``runtime`` places node and them
into deps. ``environment`` is what their commands see, ``install`` runs them, ``tidy`` removes what would differ from build to
build or name the place of the build, ``modules`` gives node_modules its place, ``profile`` is the environment of the running
app and ``start`` finds the start command. ``detect``, ``supply`` and ``finalize`` are the scripts.
"""
