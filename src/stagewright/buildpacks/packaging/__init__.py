"""Buildpacks with a manifest.yml: read it, check it, make a zip of it (contracts/cloudfoundry-staging.md §2).

manifest      what manifest.yml says, as values          nodes, reading   how it is read, with all that is wrong at once
ranges        which versions a range means               flaws            what is wrong, as values
selection     what a package for a stack holds           rewriting        the manifest.yml of a package
dependencies  the files of cached packages               contents         the entries of the zip
checking      all that the packager and libbuildpack     notices          what a staging's log says of it
              would stumble over
"""

from stagewright.buildpacks.packaging.notices import manifest_warnings

__all__ = ["manifest_warnings"]
