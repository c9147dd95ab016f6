/** What every block of a stack needs to know, whatever it builds. */
export type StackContext = {
  /** What every name begins with, such as `bpi-dev`; `name('api')` is `bpi-dev-api`. */
  name: (part: string) => string;
  region: string;
  /** A token: the account is known when Terraform runs, and no synthesized file holds its number. */
  accountId: string;
  logRetentionDays: number;
  /** ARN of the environment's own key, or null where AWS's keys encrypt. */
  keyArn: string | null;
};

/** Everything this project makes begins so; the roles of CI may touch nothing else. */
export const PROJECT_PREFIX = 'bpi';

/** IAM path of every role and policy of ours, for the same reason. */
export const IAM_PATH = `/${PROJECT_PREFIX}/`;

/** The most that any role of ours may do, made once per account by the bootstrap stack. */
export function boundaryArn(accountId: string): string {
  return `arn:aws:iam::${accountId}:policy${IAM_PATH}${BOUNDARY_NAME}`;
}

/** The role that the workflow of main deploys with, made by the bootstrap stack outside of our path. */
export const DEPLOYMENT_ROLE = 'github-actions-terraform';

export const BOUNDARY_NAME = `${PROJECT_PREFIX}-boundary`;
