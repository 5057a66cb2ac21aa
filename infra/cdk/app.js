// An example: npx cdk deploy -c release=<folder of an unpacked release> -c image=<URI in ECR> -c repository=<its ARN>

import { App, Stack } from 'aws-cdk-lib';

import { Docket } from './docket.js';

const app = new App();
const context = (key) => {
  const value = app.node.tryGetContext(key);
  if (!value) throw new Error(`-c ${key}=… is missing`);
  return value;
};

new Docket(new Stack(app, 'Docket', { terminationProtection: true }), 'Docket', {
  release: context('release'),
  service: { Scale: 'small' },
  endpoints: {
    'legal-review': {
      environment: { SM_VLLM_MODEL: '/opt/ml/model' },
      parameters: { ImageUri: context('image'), ImageRepositoryArn: context('repository'), InstanceHourPrice: '1.222', SecondInstanceHourPrice: '1.515' },
    },
  },
  page: {},
  monitoring: {},
});
