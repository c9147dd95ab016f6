import { CloudwatchLogGroup } from '@cdktf/provider-aws/lib/cloudwatch-log-group/index.js';
import { Construct } from 'constructs';
import type { StackContext } from './stack-context.ts';

export type LogGroupSettings = {
  /** Its whole name, beginning with `/bpi/`. */
  name: string;
};

/** Made before whatever logs to it, so that nobody's default makes it, which keeps everything for ever. */
export class LogGroup extends Construct {
  readonly arn: string;
  readonly name: string;

  constructor(scope: Construct, id: string, context: StackContext, settings: LogGroupSettings) {
    super(scope, id);
    const group = new CloudwatchLogGroup(this, 'group', {
      name: settings.name,
      retentionInDays: context.logRetentionDays,
      ...(context.keyArn === null ? {} : { kmsKeyId: context.keyArn }),
    });
    this.arn = group.arn;
    this.name = group.name;
  }
}
