variable "release" {
  description = "Folder of an unpacked release (make release)."
  type        = string
}

variable "code_bucket" {
  description = "Bucket for zips and templates, in the region and account of the deployment. It must exist and should be private."
  type        = string
}

variable "service" {
  description = "Parameters of infra/service.yaml, such as ServiceName, Scale, AlarmTopicArn, PageOrigin."
  type        = map(string)
  default     = {}
}

variable "endpoints" {
  description = "By pipeline: the container's environment variables, and parameters of infra/endpoint.yaml; ImageUri, ImageRepositoryArn and InstanceHourPrice are required. SecondInstanceHourPrice is 0 unless given, and the dashboard then shows no cost of that type."
  type = map(object({
    environment = optional(map(string), {})
    parameters  = map(string)
  }))
  default = {}
}

variable "page" {
  description = "Parameters of infra/web.yaml; null for no page."
  type        = map(string)
  default     = null
}

variable "monitoring" {
  description = "Parameters of infra/monitoring.yaml; null for no dashboard."
  type        = map(string)
  default     = null
}

variable "cloudformation_role" {
  description = "ARN of a role with which CloudFormation acts, or null."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags of all stacks, which CloudFormation passes on to their resources. Tag the code bucket yourself."
  type        = map(string)
  default     = {}
}

variable "termination_protection" {
  description = "true: no stack can be deleted, also not by terraform destroy, until it is applied with false. null leaves it as it is. true and false need the AWS CLI, with credentials of the same account."
  type        = bool
  default     = null
}
