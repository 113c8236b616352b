from setuptools import setup

setup(name="parcel", version="1", packages=["parcel"], install_requires=["flask", "gunicorn"])
