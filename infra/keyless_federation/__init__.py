"""The engine: reads Google's half of the federation, plans what differs, and brings it to the desired state.

Knows neither CDK nor CloudFormation's events. `model` holds Google's and AWS's rules, `google` the client and the
resources, `policies` who has which role, `conditions` the attribute condition's evaluation (which needs the CEL
engine, and so is no part of the custom resource's function).
"""
