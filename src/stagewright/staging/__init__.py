"""The heart: plan, then act.

planner       reads what is known and returns the plan; touches nothing
building      the loop: plan, take the next action, learn from it, plan again
executor      does one action in the sandbox and says what came of it
container     what a build's container is made of: mounts, trust, limits
environment   the environment of a script
output        lines of a script: whole, masked, the last of them kept
processes     launch.yml, release and Procfile become process types
running       a droplet or an image is started, as an app
problems      how a staging can fail, and whose fault that is
"""
