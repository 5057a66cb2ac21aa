// Deploys a release with the AWS CDK instead of `make deploy`: the same templates, as nested stacks.
// docs/deploy.md, With the CDK, says how to use it and what `make deploy` does beyond it.

import { readFileSync, writeFileSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { CfnStack, Fn, Stack } from 'aws-cdk-lib';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import { BlockPublicAccess, Bucket, BucketEncryption } from 'aws-cdk-lib/aws-s3';
import { BucketDeployment, Source } from 'aws-cdk-lib/aws-s3-deployment';
import { Construct } from 'constructs';

/** The line of infra/endpoint.yaml that the container's variables replace: CloudFormation cannot turn a parameter into a map. */
const NO_VARIABLES = '        Environment: {}\n';

export class Docket extends Construct {
  /**
   * @param {object} props
   * @param {string} props.release folder of an unpacked release (make release)
   * @param {Record<string, string>} [props.service] parameters of infra/service.yaml
   * @param {Record<string, {environment?: Record<string, string>, parameters: Record<string, string>}>} [props.endpoints] by pipeline
   * @param {Record<string, string>} [props.page] parameters of infra/web.yaml; omit it for no page
   * @param {Record<string, string>} [props.monitoring] parameters of infra/monitoring.yaml; omit it for no dashboard
   */
  constructor(scope, id, { release, service = {}, endpoints = {}, page, monitoring }) {
    super(scope, id);
    this.release = release;
    const { account, region, urlSuffix } = Stack.of(this);
    const { architecture } = JSON.parse(readFileSync(join(release, 'release.json'), 'utf8'));
    const name = service.ServiceName ?? 'docket';
    const shared = (...keys) => Object.fromEntries(keys.filter((key) => key in service).map((key) => [key, service[key]]));

    const code = new Bucket(this, 'Code', { encryption: BucketEncryption.S3_MANAGED, blockPublicAccess: BlockPublicAccess.BLOCK_ALL, enforceSSL: true });
    // The prefix names the contents, so that the functions are updated if and only if they change.
    const zips = new Asset(this, 'Zips', { path: join(release, 'functions') });
    const prefix = `zips/${zips.assetHash.slice(0, 16)}/`;
    const uploaded = new BucketDeployment(this, 'Functions', {
      sources: [Source.bucket(zips.bucket, zips.s3ObjectKey)],
      destinationBucket: code,
      destinationKeyPrefix: prefix,
      prune: false, // a rollback needs the zips before
    });

    this.service = this.stack('Service', 'service', {
      BucketName: `${name}-jobs-${account}-${region}-an`,
      CodeBucket: code.bucketName,
      CodePrefix: prefix,
      Architecture: architecture,
      ...service,
    });
    this.service.node.addDependency(uploaded);
    const output = (key) => this.service.getAtt(`Outputs.${key}`).toString();
    const origin = (key) => Fn.join('/', [0, 1, 2].map((part) => Fn.select(part, Fn.split('/', output(key)))));

    for (const [pipeline, { environment = {}, parameters }] of Object.entries(endpoints)) {
      const rows = JSON.parse(readFileSync(join(release, 'infra', 'endpoints', `${pipeline}.json`), 'utf8'));
      const ofKey = service.KeyArn ? { OutputKeyArn: service.KeyArn, TopicKeyArn: service.KeyArn, LogKeyArn: service.KeyArn } : {};
      this.stack(`Endpoint-${pipeline}`, 'endpoint', {
        ...Object.fromEntries(rows.map((row) => [row.ParameterKey, row.ParameterValue])),
        ...shared('ServiceName', 'AlarmTopicArn', 'PermissionsBoundaryArn'),
        ...ofKey,
        JobsBucketName: output('JobsBucketName'),
        SuccessTopicArn: output('InferenceSuccessTopicArn'),
        ErrorTopicArn: output('InferenceErrorTopicArn'),
        ...parameters,
      }, (text) => text.replace(NO_VARIABLES, `${NO_VARIABLES.slice(0, -3)}${JSON.stringify(environment)}\n`));
    }
    if (page) {
      this.page = this.stack('Page', 'web', {
        ServiceName: name,
        ApiOrigin: origin('HttpApiUrl'),
        WebSocketOrigin: origin('WebSocketUrl'),
        BucketOrigin: `https://${output('JobsBucketName')}.s3.${region}.${urlSuffix}`,
        SignInOrigin: `https://cognito-idp.${region}.${urlSuffix}`,
        ...(service.SignInDomain ? { CompanySignInOrigin: output('CompanySignInUrl') } : {}), // it has no path
        ...page,
      });
    }
    if (monitoring) {
      const keys = ['JobsTableName', 'RecordsTableName', 'ConnectionsTableName', 'HttpApiId', 'WebSocketApiId'];
      this.stack('Monitoring', 'monitoring', { ...Object.fromEntries(keys.map((key) => [key, output(key)])), ...shared('ServiceName', 'AlarmTopicArn'), ...monitoring });
    }
  }

  /** A template of the release as a nested stack. */
  stack(id, template, parameters, edit = (text) => text) {
    const path = join(mkdtempSync(join(tmpdir(), 'docket-')), `${template}.yaml`);
    writeFileSync(path, edit(readFileSync(join(this.release, 'infra', `${template}.yaml`), 'utf8')));
    const asset = new Asset(this, `${id}Template`, { path });
    return new CfnStack(this, id, { templateUrl: asset.httpUrl, parameters });
  }
}
