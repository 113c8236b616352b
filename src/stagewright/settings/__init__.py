"""The one reader of the environment: what an operator set becomes one value, `model.settings.Settings`.

variables   the table of all variables: what they take, what they default to (the reference page is made from it)
reading     the table and an environment become Settings
trust       the operator's way to the outside, as builds see it, gathered from the files of
            certificates, proxies, pip, uv, npm and apt
outward     what git needs of the environment to fetch buildpacks as the caller would
cleaning    what takes credentials out of all of them
"""

from stagewright.settings.reading import from_environment, read
from stagewright.settings.variables import VARIABLES, BadSetting, Variable

__all__ = ["VARIABLES", "BadSetting", "Variable", "from_environment", "read"]
