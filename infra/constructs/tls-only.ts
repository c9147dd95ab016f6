import { deny, type Statement } from './policy.ts';

/**
 * What each service takes in the policy of one of its resources: SNS refuses `sns:*` there ("out of service scope"), and
 * publishing is all that carries data. Sources: "Security best practices" of the three services.
 */
const ACTIONS = { s3: 's3:*', sqs: 'sqs:*', sns: 'sns:Publish' } as const;

/** For the policy of a bucket, a queue or a topic: whoever comes without TLS is turned away. */
export function tlsOnly(service: keyof typeof ACTIONS, resources: readonly string[]): Statement {
  return deny({
    sid: 'TlsOnly',
    principal: '*',
    actions: [ACTIONS[service]],
    resources,
    condition: { Bool: { 'aws:SecureTransport': 'false' } },
  });
}
