#!/usr/bin/env bash
# Attach a function that is there already: attach.sh FUNCTION [ACCOUNT [STAGE]]
# Needs the AWS CLI and jq. Before, let its role in ("attach": ["ROLE/FUNCTION"] in the settings, then `npx cdk deploy --all`).
set -euo pipefail
function=$1 account=${2:-aws-bq-reader} stage=${3:-dev}

published() {
  aws ssm get-parameter --name "/keyless/$stage/$1" --query Parameter.Value --output text
}

now=$(aws lambda get-function-configuration --function-name "$function" --output json)
layer=$(published "layer/$(jq -r '"\(.Runtime)/\(.Architectures[0])"' <<<"$now")")
variables=$(published "$account/environment")

# An update replaces the lists of layers and variables as a whole: what the function has must be in it.
# An earlier version of the layer gives way to this one, and so does the layer of the runtime that the function had.
update=$(jq --arg layer "$layer" --argjson ours "$variables" '{
  FunctionName,
  RevisionId,
  Layers: ([.Layers[]?.Arn | select(startswith(($layer | sub("python[0-9]+-[a-z0-9_]+:[0-9]+$"; "python"))) | not)] + [$layer]),
  Environment: {Variables: ((.Environment.Variables // {}) + $ours)}
}' <<<"$now")
aws lambda update-function-configuration --cli-input-json "$update" --query LastUpdateStatus --output text
aws lambda wait function-updated-v2 --function-name "$function"
