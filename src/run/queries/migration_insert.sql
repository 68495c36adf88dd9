-- $1 text: name, $2 text: plan
INSERT INTO pgseam.migration (name, state, stage, plan) VALUES ($1, 'planned', 'expand', $2) RETURNING id
