"""Run a program on a Ray of two CPUs that only this machine reaches: `python local_ray.py FOLDER PROGRAM ARGUMENT …`.

Ray has its files in the folder, and ends with the program.
"""

import runpy
import sys

import ray

folder, *sys.argv = sys.argv[1:]
ray.init(
    address="local",
    num_cpus=2,
    include_dashboard=False,
    object_store_memory=256 << 20,
    _node_ip_address="127.0.0.1",
    _temp_dir=folder,
)
runpy.run_path(sys.argv[0], run_name="__main__")
