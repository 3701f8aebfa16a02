"""A local CodeBuild: `service` replaces MiniStack's, `build` runs a build on this machine as the project's role."""
