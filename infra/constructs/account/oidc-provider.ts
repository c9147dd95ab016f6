import { DataAwsIamOpenidConnectProvider } from '@cdktf/provider-aws/lib/data-aws-iam-openid-connect-provider/index.js';
import { IamOpenidConnectProvider } from '@cdktf/provider-aws/lib/iam-openid-connect-provider/index.js';
import { Construct } from 'constructs';
import { GITHUB_AUDIENCE, GITHUB_ISSUER } from './github-trust.ts';

export type OidcProviderSettings = {
  /** An account has one at most, and others may use it: it is made only on demand, and never deleted. */
  provider: 'exists' | 'create';
};

/** GitHub as somebody whose word on who runs this account believes. */
export class OidcProvider extends Construct {
  readonly arn: string;

  constructor(scope: Construct, id: string, settings: OidcProviderSettings) {
    super(scope, id);
    const url = `https://${GITHUB_ISSUER}`;
    this.arn =
      settings.provider === 'exists'
        ? new DataAwsIamOpenidConnectProvider(this, 'provider', { url }).arn
        : new IamOpenidConnectProvider(this, 'provider', {
            url,
            clientIdList: [GITHUB_AUDIENCE],
            lifecycle: { preventDestroy: true },
          }).arn;
  }
}
