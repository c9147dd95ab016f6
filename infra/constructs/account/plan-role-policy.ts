import type { AccountContext } from './permissions-boundary.ts';
import { deny, type Statement } from '../policy.ts';
import { PROJECT_PREFIX } from '../stack-context.ts';
import { terraformReads } from './terraform-reads.ts';

/**
 * What a plan for a pull request may do: read settings and state. Whoever opens a pull request in the repository can
 * change the workflow that takes this role, so it must be worth nothing: no patients' data, no messages, no logs, no
 * secret, and no lock on the state.
 */
export function planRolePolicies(context: AccountContext): Record<string, Statement[]> {
  return { reads: terraformReads(context), denials: noData(context) };
}

/** Nothing above grants these: it stays so whatever is added. */
function noData({ accountId }: AccountContext): Statement[] {
  return [
    deny({
      sid: 'NoObjects',
      actions: ['s3:GetObject*'],
      resources: [
        `arn:aws:s3:::${PROJECT_PREFIX}-*-jobs-*/*`,
        `arn:aws:s3:::${PROJECT_PREFIX}-weights-${accountId}/*`,
        `arn:aws:s3:::${PROJECT_PREFIX}-state-${accountId}/bootstrap/*`,
      ],
    }),
    deny({
      sid: 'NoItemsMessagesLogs',
      actions: ['BatchGetItem', 'ExportTableToPointInTime', 'GetItem', 'GetRecords', 'PartiQLSelect', 'Query', 'Scan']
        .map((action) => `dynamodb:${action}`)
        .concat(
          [
            'FilterLogEvents',
            'GetLogEvents',
            'GetLogRecord',
            'GetQueryResults',
            'StartLiveTail',
            'StartQuery',
            'Unmask',
          ].map((action) => `logs:${action}`),
        )
        .concat('sqs:ReceiveMessage', 'kms:Decrypt', 'secretsmanager:*'),
      resources: ['*'],
    }),
    // The public parameters of AWS, such as the machine image's, lie in no account.
    deny({
      sid: 'NoParameters',
      actions: ['ssm:GetParameter*'],
      resources: [`arn:aws:ssm:*:${accountId}:parameter/*`],
    }),
    // Start scripts, and secrets that tunnels share. A launch template's script is as readable as the plan needs it.
    deny({
      sid: 'NoSecretsInSettings',
      actions: ['autoscaling:DescribeLaunchConfigurations', 'ec2:DescribeInstanceAttribute', 'ec2:DescribeVpn*'],
      resources: ['*'],
    }),
    deny({ sid: 'NoWrites', actions: ['s3:PutObject', 's3:DeleteObject*'], resources: ['*'] }),
  ];
}
