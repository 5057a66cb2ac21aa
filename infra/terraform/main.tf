# Deploys a release with Terraform instead of `make deploy`: the same templates, as CloudFormation stacks.
# docs/deploy.md, With Terraform, says how to use it and what `make deploy` does beyond it.

terraform {
  required_version = ">= 1.5"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.0, < 7.0"
    }
  }
}

locals {
  release      = jsondecode(file("${var.release}/release.json"))
  service_name = lookup(var.service, "ServiceName", "docket")
  zips         = { for name in local.release.functions : name => "${var.release}/functions/${name}.zip" }
  # Names the contents, so that the functions are updated if and only if they change.
  code_prefix  = "zips/${substr(sha256(join("", [for name in sort(keys(local.zips)) : filesha256(local.zips[name])])), 0, 16)}/"
  account      = data.aws_caller_identity.this.account_id
  region       = data.aws_region.this.name
  capabilities = ["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"]
  template_url = "https://${var.code_bucket}.s3.${data.aws_region.this.name}.${data.aws_partition.this.dns_suffix}"
  origin       = { for name in ["HttpApiUrl", "WebSocketUrl"] : name => join("/", slice(split("/", aws_cloudformation_stack.service.outputs[name]), 0, 3)) }
  # Parameters of the service that other templates have too.
  shared = { for key in ["ServiceName", "AlarmTopicArn", "PermissionsBoundaryArn"] : key => var.service[key] if contains(keys(var.service), key) }
}

data "aws_region" "this" {}

data "aws_partition" "this" {}

data "aws_caller_identity" "this" {}

resource "aws_s3_object" "zip" {
  for_each    = local.zips
  bucket      = var.code_bucket
  key         = "${local.code_prefix}${each.key}.zip"
  source      = each.value
  source_hash = filesha256(each.value)
}

resource "aws_s3_object" "template" {
  for_each    = toset(["service", "web", "monitoring"])
  bucket      = var.code_bucket
  key         = "templates/${filesha256("${var.release}/infra/${each.key}.yaml")}/${each.key}.yaml"
  source      = "${var.release}/infra/${each.key}.yaml"
  source_hash = filesha256("${var.release}/infra/${each.key}.yaml")
}

resource "aws_cloudformation_stack" "service" {
  name         = local.service_name
  template_url = "${local.template_url}/${aws_s3_object.template["service"].key}"
  capabilities = local.capabilities
  iam_role_arn = var.cloudformation_role
  tags         = var.tags
  parameters   = merge(
    {
      BucketName   = "${local.service_name}-jobs-${local.account}-${local.region}-an"
      CodeBucket   = var.code_bucket
      CodePrefix   = local.code_prefix
      Architecture = local.release.architecture
    },
    var.service,
  )
  depends_on   = [aws_s3_object.zip]
}

# The container's variables stand in the template itself, because CloudFormation cannot turn a parameter into a map.
resource "aws_s3_object" "endpoint" {
  for_each = var.endpoints
  bucket   = var.code_bucket
  key      = "templates/${sha256(jsonencode(each.value.environment))}/${filesha256("${var.release}/infra/endpoint.yaml")}/${each.key}.yaml"
  content  = replace(file("${var.release}/infra/endpoint.yaml"), "        Environment: {}\n", "        Environment: ${jsonencode(each.value.environment)}\n")
}

resource "aws_cloudformation_stack" "endpoint" {
  for_each     = var.endpoints
  name         = "${local.service_name}-${each.key}"
  template_url = "${local.template_url}/${aws_s3_object.endpoint[each.key].key}"
  capabilities = local.capabilities
  iam_role_arn = var.cloudformation_role
  tags         = var.tags
  parameters = merge(
    { for row in jsondecode(file("${var.release}/infra/endpoints/${each.key}.json")) : row.ParameterKey => row.ParameterValue },
    local.shared,
    # The service's own key, if it has one.
    { for key in ["OutputKeyArn", "TopicKeyArn", "LogKeyArn"] : key => var.service["KeyArn"] if lookup(var.service, "KeyArn", "") != "" },
    {
      JobsBucketName  = aws_cloudformation_stack.service.outputs["JobsBucketName"]
      SuccessTopicArn = aws_cloudformation_stack.service.outputs["InferenceSuccessTopicArn"]
      ErrorTopicArn   = aws_cloudformation_stack.service.outputs["InferenceErrorTopicArn"]
    },
    each.value.parameters,
  )
  # The first instance of an endpoint has taken 26 minutes; capacity, download and start may take an hour each. An update
  # also waits for the old instances, at most as long as endpoint.yaml allows it (MaximumExecutionTimeoutInSeconds).
  timeouts {
    create = "200m"
    update = "330m"
  }
}

resource "aws_cloudformation_stack" "web" {
  count        = var.page == null ? 0 : 1
  name         = "${local.service_name}-web"
  template_url = "${local.template_url}/${aws_s3_object.template["web"].key}"
  capabilities = local.capabilities
  iam_role_arn = var.cloudformation_role
  tags         = var.tags
  parameters = merge(
    {
      ServiceName     = local.service_name
      ApiOrigin       = local.origin["HttpApiUrl"]
      WebSocketOrigin = local.origin["WebSocketUrl"]
      BucketOrigin    = "https://${aws_cloudformation_stack.service.outputs["JobsBucketName"]}.s3.${data.aws_region.this.name}.${data.aws_partition.this.dns_suffix}"
      SignInOrigin    = "https://cognito-idp.${data.aws_region.this.name}.${data.aws_partition.this.dns_suffix}"
      # The user pool's domain, which has no path; only with SignInDomain.
      CompanySignInOrigin = lookup(aws_cloudformation_stack.service.outputs, "CompanySignInUrl", "")
    },
    var.page,
  )
}

resource "aws_cloudformation_stack" "monitoring" {
  count        = var.monitoring == null ? 0 : 1
  name         = "${local.service_name}-monitoring"
  template_url = "${local.template_url}/${aws_s3_object.template["monitoring"].key}"
  capabilities = local.capabilities
  iam_role_arn = var.cloudformation_role
  tags         = var.tags
  parameters = merge(
    { for key in ["JobsTableName", "RecordsTableName", "ConnectionsTableName", "HttpApiId", "WebSocketApiId"] : key => aws_cloudformation_stack.service.outputs[key] },
    { for key, value in local.shared : key => value if key != "PermissionsBoundaryArn" },
    var.monitoring,
  )
}

# The provider's resource of a stack has no argument for it, so the AWS CLI sets it, in the region of the provider and with the
# credentials of the environment. Nothing switches it off when it is destroyed: that would protect nothing.
resource "terraform_data" "termination_protection" {
  for_each = {
    for stack in concat([aws_cloudformation_stack.service], values(aws_cloudformation_stack.endpoint), aws_cloudformation_stack.web, aws_cloudformation_stack.monitoring) :
    stack.name => stack.id if var.termination_protection != null
  }
  triggers_replace = [each.value, var.termination_protection]

  provisioner "local-exec" {
    command = "aws cloudformation update-termination-protection --region ${local.region} --stack-name ${each.key} --${var.termination_protection ? "" : "no-"}enable-termination-protection"
  }
}
