# README's two commands are `make run` and `make test`; both do all of their own set-up.

ENGINE := local/engine/node_modules/.package-lock.json

.PHONY: run
run: $(ENGINE)
	@mkdir -p .tools && go build -o .tools/local streamotp/local
	@exec .tools/local $(ARGS)

# The DynamoDB engine of the development stack: a static binary in a locked npm package.
$(ENGINE): local/engine/package-lock.json
	cd local/engine && npm ci --no-audit --no-fund --silent
	@touch $@
