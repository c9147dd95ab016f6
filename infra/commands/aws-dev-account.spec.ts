import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { WireServer, type WireAnswer, type WireRequest } from '../testing/wire-server.ts';
import { AwsDevAccount } from './aws-dev-account.ts';

let server: WireServer;
let answers: Record<string, (request: WireRequest) => WireAnswer>;
let account: AwsDevAccount;
beforeEach(async () => {
  answers = {};
  server = await WireServer.start((request) => answers[request.operation]?.(request) ?? { body: '{}' });
  account = new AwsDevAccount({
    region: 'eu-central-1',
    cluster: 'bpi-dev',
    endpoint: server.endpoint,
    credentials: { accessKeyId: 'key', secretAccessKey: 'secret' },
  });
});
afterEach(() => server.close());

const json = (body: unknown): WireAnswer => ({ body: JSON.stringify(body) });
const refusal = (name: string): WireAnswer => ({
  status: 400,
  body: JSON.stringify({ __type: name, message: 'It says no.' }),
});
const xml = (operation: string, result: string): WireAnswer => ({
  type: 'text/xml',
  body: `<${operation}Response><${operation}Result>${result}</${operation}Result></${operation}Response>`,
});
const groups = (members: string): WireAnswer =>
  xml('DescribeAutoScalingGroups', `<AutoScalingGroups>${members}</AutoScalingGroups>`);
const inputs = (operation: string) =>
  server.requests.filter((request) => request.operation === operation).map(({ input }) => input);

describe('a service', () => {
  it('is asked for no tasks', async () => {
    expect(await account.stopService('bpi-dev-api')).toBe('done');
    expect(inputs('UpdateService')).toEqual([{ cluster: 'bpi-dev', service: 'bpi-dev-api', desiredCount: 0 }]);
  });

  it.each(['ServiceNotFoundException', 'ServiceNotActiveException', 'ClusterNotFoundException'])(
    'may be gone: %s',
    async (name) => {
      answers['UpdateService'] = () => refusal(name);
      expect(await account.stopService('bpi-dev-api')).toBe('not there');
    },
  );

  it('may not be refused otherwise', async () => {
    answers['UpdateService'] = () => refusal('AccessDeniedException');
    await expect(account.stopService('bpi-dev-api')).rejects.toThrow('It says no.');
  });
});

describe('tasks', () => {
  it('are listed over all pages; of those told to stop, the ones that have not ended', async () => {
    answers['ListTasks'] = ({ input }) => {
      if (input['desiredStatus'] === 'STOPPED') return json({ taskArns: ['ended', 'ending'] });
      return input['nextToken'] === 'more'
        ? json({ taskArns: ['two'] })
        : json({ taskArns: ['one'], nextToken: 'more' });
    };
    answers['DescribeTasks'] = () =>
      json({
        tasks: [
          { taskArn: 'ended', lastStatus: 'STOPPED' },
          { taskArn: 'ending', lastStatus: 'DEPROVISIONING' },
        ],
      });
    expect(await account.tasks()).toEqual({ running: ['one', 'two'], stopping: ['ending'] });
  });

  it('are none where there is no cluster', async () => {
    answers['ListTasks'] = () => refusal('ClusterNotFoundException');
    expect(await account.tasks()).toEqual({ running: [], stopping: [] });
  });

  it('are stopped one by one, also one that has ended meanwhile', async () => {
    await account.stopTask('one');
    answers['StopTask'] = () => refusal('InvalidParameterException');
    await account.stopTask('two');
    expect(inputs('StopTask')).toEqual([
      { cluster: 'bpi-dev', task: 'one', reason: 'The environment is being destroyed.' },
      { cluster: 'bpi-dev', task: 'two', reason: 'The environment is being destroyed.' },
    ]);
  });
});

describe('a group', () => {
  it('is closed for good', async () => {
    answers['DescribeAutoScalingGroups'] = () =>
      groups('<member><AutoScalingGroupName>g</AutoScalingGroupName></member>');
    answers['UpdateAutoScalingGroup'] = () => xml('UpdateAutoScalingGroup', '');
    expect(await account.closeGroup('g')).toBe('done');
    expect(inputs('UpdateAutoScalingGroup')).toEqual([
      expect.objectContaining({
        AutoScalingGroupName: 'g',
        MinSize: '0',
        MaxSize: '0',
        DesiredCapacity: '0',
        NewInstancesProtectedFromScaleIn: 'false',
      }),
    ]);
  });

  it('may be gone', async () => {
    answers['DescribeAutoScalingGroups'] = () => groups('');
    expect(await account.closeGroup('g')).toBe('not there');
    expect(await account.releaseMachines('g')).toBe(0);
    expect(server.operations()).not.toContain('UpdateAutoScalingGroup');
  });

  it('lets go of its protected machines, fifty at a time, and counts all', async () => {
    const machine = (id: number, kept: boolean) =>
      `<member><InstanceId>i-${id}</InstanceId><ProtectedFromScaleIn>${kept}</ProtectedFromScaleIn></member>`;
    const machines = Array.from({ length: 61 }, (_, id) => machine(id, id > 0)).join('');
    answers['DescribeAutoScalingGroups'] = () => groups(`<member><Instances>${machines}</Instances></member>`);
    answers['SetInstanceProtection'] = () => xml('SetInstanceProtection', '');
    expect(await account.releaseMachines('g')).toBe(61);
    const calls = inputs('SetInstanceProtection');
    expect(calls.map((input) => Object.keys(input).filter((key) => key.startsWith('InstanceIds')).length)).toEqual([
      50, 10,
    ]);
    expect(calls[0]).toMatchObject({ ProtectedFromScaleIn: 'false', 'InstanceIds.member.1': 'i-1' });
  });
});

describe('the table', () => {
  it('loses its protection if it has any', async () => {
    answers['DescribeTable'] = () => json({ Table: { DeletionProtectionEnabled: true } });
    expect(await account.unprotectTable('bpi-dev-jobs')).toBe('done');
    expect(inputs('UpdateTable')).toEqual([{ TableName: 'bpi-dev-jobs', DeletionProtectionEnabled: false }]);
  });

  it('is left alone without, and may be gone', async () => {
    answers['DescribeTable'] = () => json({ Table: { DeletionProtectionEnabled: false } });
    expect(await account.unprotectTable('bpi-dev-jobs')).toBe('done');
    answers['DescribeTable'] = () => refusal('ResourceNotFoundException');
    expect(await account.unprotectTable('bpi-dev-jobs')).toBe('not there');
    expect(server.operations()).not.toContain('UpdateTable');
  });
});

describe('task definitions', () => {
  it('are found by the beginning of their family', async () => {
    answers['ListTaskDefinitionFamilies'] = () => json({ families: ['bpi-dev-brain-mri'] });
    expect(await account.taskFamilies('bpi-dev-')).toEqual(['bpi-dev-brain-mri']);
    expect(inputs('ListTaskDefinitionFamilies')).toEqual([{ familyPrefix: 'bpi-dev-', status: 'ALL' }]);
  });

  it('are deregistered, then deleted ten at a time', async () => {
    const inactive = Array.from({ length: 12 }, (_, revision) => `brain-mri:${revision}`);
    answers['ListTaskDefinitions'] = ({ input }) =>
      json({ taskDefinitionArns: input['status'] === 'ACTIVE' ? ['brain-mri:11'] : inactive });
    expect(await account.deleteTaskDefinitions('bpi-dev-brain-mri')).toBe(12);
    expect(inputs('DeregisterTaskDefinition')).toEqual([{ taskDefinition: 'brain-mri:11' }]);
    expect(inputs('DeleteTaskDefinitions').map(({ taskDefinitions }) => taskDefinitions)).toEqual([
      inactive.slice(0, 10),
      inactive.slice(10),
    ]);
  });

  it('that ECS keeps are named', async () => {
    answers['ListTaskDefinitions'] = () => json({ taskDefinitionArns: ['brain-mri:1'] });
    answers['DeleteTaskDefinitions'] = () => json({ failures: [{ arn: 'brain-mri:1', reason: 'busy' }] });
    await expect(account.deleteTaskDefinitions('bpi-dev-brain-mri')).rejects.toThrow(
      'ECS did not delete brain-mri:1 (busy)',
    );
  });
});
