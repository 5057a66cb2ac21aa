output "service" {
  description = "Outputs of the service's stack."
  value       = aws_cloudformation_stack.service.outputs
}

output "page_bucket" {
  description = "Bucket for the files of web/dist, or null. Upload assets first, index.html last."
  value       = one(aws_cloudformation_stack.web[*].outputs["PageBucketName"])
}
