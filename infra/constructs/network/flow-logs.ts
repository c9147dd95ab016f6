import { FlowLog } from '@cdktf/provider-aws/lib/flow-log/index.js';
import { Construct } from 'constructs';
import { LogGroup } from '../log-group.ts';
import { allow } from '../policy.ts';
import { ServiceRole } from '../service-role.ts';
import type { StackContext } from '../stack-context.ts';

/** Who talked to whom in a VPC, by address, port and verdict; never what was said. */
export class FlowLogs extends Construct {
  constructor(scope: Construct, id: string, context: StackContext, settings: { vpcId: string }) {
    super(scope, id);
    const group = new LogGroup(this, 'logs', context, { name: `/bpi/${context.name('flows')}` });
    const role = new ServiceRole(this, 'role', context, {
      name: 'flow-logs',
      description: 'Writes the flow logs of the VPC',
      service: 'vpc-flow-logs.amazonaws.com',
      // "IAM role for publishing flow logs to CloudWatch Logs", without what makes a group: ours is there already.
      statements: [
        allow({
          sid: 'WriteFlows',
          actions: ['logs:CreateLogStream', 'logs:DescribeLogStreams', 'logs:PutLogEvents'],
          resources: [group.arn, `${group.arn}:*`],
        }),
        allow({
          sid: 'AnyResourceFindTheGroup',
          actions: ['logs:DescribeLogGroups'],
          resources: ['*'],
          wildcardBecause: 'the flow log service lists all groups to find its own',
        }),
      ],
    });
    new FlowLog(this, 'flows', {
      vpcId: settings.vpcId,
      trafficType: 'ALL',
      logDestinationType: 'cloud-watch-logs',
      logDestination: group.arn,
      iamRoleArn: role.arn,
      maxAggregationInterval: 600,
      tags: { Name: context.name('flows') },
    });
  }
}
