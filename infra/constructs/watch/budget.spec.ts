import { describe, expect, it } from '@jest/globals';
import { only, synthesizeConstruct } from '../../testing/synth-construct.ts';
import { Budget } from './budget.ts';

const EMAIL = '${var.alert_email}';

describe('the budget', () => {
  const budget = only(
    synthesizeConstruct((scope, context) => {
      new Budget(scope, 'budget', context, { usdPerMonth: 50, email: EMAIL });
    }),
    'aws_budgets_budget',
  );

  it('is a monthly one of the whole account, whose tags nobody may have activated', () => {
    expect(budget).toMatchObject({ budget_type: 'COST', time_unit: 'MONTHLY', limit_amount: '50', limit_unit: 'USD' });
    expect(budget).not.toHaveProperty('cost_filter');
  });

  it('mails at 80 % of what was spent, and when the forecast says more than all of it', () => {
    const mail = {
      comparison_operator: 'GREATER_THAN',
      threshold_type: 'PERCENTAGE',
      subscriber_email_addresses: [EMAIL],
    };
    expect(budget['notification']).toEqual([
      { ...mail, notification_type: 'ACTUAL', threshold: 80 },
      { ...mail, notification_type: 'FORECASTED', threshold: 100 },
    ]);
  });
});
