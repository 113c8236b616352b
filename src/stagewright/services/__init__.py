"""One verb a use case. A door parses, calls one of these and presents what it returns; no verb knows which door called.

platform      what an installation is made of, chosen by wiring
prepare       source, flags and manifest.yml become a build request
stage         source → droplet and images; plan; the reproducibility check
launch        a droplet or an image is started, or a shell opened in it
inspect       what a droplet or an image holds
tidy          caches, working places, records
"""
