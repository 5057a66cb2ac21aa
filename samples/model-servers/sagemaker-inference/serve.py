"""Starts AWS's inference toolkit as its images do. It needs Java. On SageMaker the files lie under /opt/ml/model."""

from sagemaker_inference import model_server

model_server.start_model_server()
