# A function deployed by Terraform. Before the first apply, let its role in ("attach": ["orders-terraform/orders-terraform"]
# in the settings, then `npx cdk deploy --all`). The provider's region must be that of the Keyless stacks.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0"
    }
  }
}

variable "stage" {
  type    = string
  default = "dev"
}

variable "runtime" {
  type    = string
  default = "python3.13"
}

variable "architecture" {
  type    = string
  default = "arm64"
}

variable "package" {
  type        = string
  description = "The zip with handler.py in it"
}

# What Keyless publishes. Nothing of it is secret, hence insecure_value: plans show it.
data "aws_ssm_parameter" "layer" {
  name = "/keyless/${var.stage}/layer/${var.runtime}/${var.architecture}"
}

data "aws_ssm_parameter" "environment" {
  name = "/keyless/${var.stage}/aws-bq-reader/environment"
}

resource "aws_lambda_function" "orders" {
  function_name    = "orders-terraform" # Google sees orders-terraform/orders-terraform
  role             = aws_iam_role.orders.arn
  filename         = var.package
  source_code_hash = filebase64sha256(var.package)
  handler          = "handler.handler"
  runtime          = var.runtime
  architectures    = [var.architecture]
  memory_size      = 512
  timeout          = 30
  layers           = [data.aws_ssm_parameter.layer.insecure_value]

  environment {
    variables = merge(jsondecode(data.aws_ssm_parameter.environment.insecure_value), {
      LOG_LEVEL = "INFO" # the function's own variables go here
    })
  }
}

resource "aws_iam_role" "orders" {
  name = "orders-terraform"
  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "lambda.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
}

data "aws_caller_identity" "current" {}

resource "aws_iam_role_policy" "logs" {
  name = "logs"
  role = aws_iam_role.orders.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"]
      Resource = "arn:aws:logs:*:${data.aws_caller_identity.current.account_id}:log-group:/aws/lambda/orders-terraform*"
    }]
  })
}
