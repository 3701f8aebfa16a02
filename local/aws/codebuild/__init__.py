"""A local CodeBuild: `build` runs a project's build on this machine, phase by phase, as the project's role."""
