//! The steps that several workflows have in common.

use stagegate_registry::Token;

use super::text::{indent, labels, scalar};
use super::{Outline, parts};

/// Where a job looks for what earlier ones have done.
const CARRIED: &str = "target/stagegate/carried";
/// Where a job puts what it has done.
const STATE: &str = "target/stagegate/state/state.tar";

/// Returns a step that runs a command and nothing else: the shell makes room for it, so
/// that a runner's signals reach it.
pub(super) fn xtask(name: &str, env: &str, command: &str) -> String {
    script(name, "", env, &format!("exec cargo xtask {command}"))
}

/// Returns a step of shell lines; `condition` and `env` may be empty.
pub(super) fn script(name: &str, condition: &str, env: &str, lines: &str) -> String {
    let mut text = format!("- name: {name}\n");
    if !condition.is_empty() {
        text.push_str(&format!("  if: ${{{{ {condition} }}}}\n"));
    }
    if !env.is_empty() {
        text.push_str(&format!("  env:\n{}", indent(env, 4)));
    }
    match lines.trim_end().contains('\n') {
        true => text.push_str(&format!("  run: |\n{}", indent(lines, 4))),
        false => text.push_str(&format!("  run: {}\n", lines.trim_end())),
    }
    text
}

/// Returns a step that is somebody else's action.
pub(super) fn action(name: &str, condition: &str, uses: &str, with: &str) -> String {
    let mut text = format!("- name: {name}\n");
    if !condition.is_empty() {
        text.push_str(&format!("  if: ${{{{ {condition} }}}}\n"));
    }
    text.push_str(&format!("  uses: {uses}\n  with:\n{}", indent(with, 4)));
    text
}

impl Outline<'_> {
    /// Returns the same as [`ACCESS`] for a job that pushes: with the team's own token, if
    /// there is one, since a workflow's own may not push to a protected branch.
    pub(super) fn write_access(&self) -> String {
        match &self.config.ci.token {
            None => ACCESS.to_owned(),
            Some(secret) => {
                let token = format!("${{{{ secrets.{secret} || github.token }}}}");
                ACCESS.replacen("${{ github.token }}", &token, 1)
            }
        }
    }

    /// Returns the first lines of a job, up to its steps.
    pub(super) fn job(&self, job: &Job<'_>, steps: &str) -> String {
        let mut text = format!("{}:\n  name: {}\n", job.id, job.name);
        if !job.needs.is_empty() {
            text.push_str(&format!("  needs: [{}]\n", job.needs.join(", ")));
        }
        if !job.condition.is_empty() {
            text.push_str(&format!("  if: ${{{{ {} }}}}\n", job.condition));
        }
        text.push_str(&format!(
            "  runs-on: {}\n  timeout-minutes: {}\n",
            match job.runner {
                "" => labels(&self.config.ci.runner),
                runner => runner.to_owned(),
            },
            job.minutes
        ));
        match job.permissions {
            "" => text.push_str("  permissions: {}\n"),
            some => text.push_str(&format!("  permissions:\n{}", indent(some, 4))),
        }
        if !job.environment.is_empty() {
            let environment = match job.only_asks {
                false => format!("  environment: {}\n", job.environment),
                true => format!(
                    "  environment:\n    name: {}\n    deployment: false # it only asks the hosts\n",
                    job.environment
                ),
            };
            text.push_str(&environment);
        }
        text.push_str(&indent(job.more, 2));
        if !self.subdirectory.is_empty() && steps.contains("run:") {
            text.push_str(&format!(
                "  defaults:\n    run:\n      working-directory: {}\n",
                scalar(self.subdirectory)
            ));
        }
        text.push_str(&format!("  steps:\n{}", indent(steps, 4)));
        text
    }

    /// From an empty runner to one that can build: checkout, toolchain, and what
    /// the team adds. `job` names the part that is theirs.
    pub(super) fn ready(&self, job: &str, whole_history: bool) -> String {
        let depth = match whole_history {
            true => "fetch-depth: 0\n",
            false => "",
        };
        let content = self.content.settings();
        let with = format!("{depth}{content}persist-credentials: false\n");
        action("Check out", "", self.checkout(), &with) + &self.tools(job)
    }

    /// Returns the same for the job that plans a release. By hand it is the branch as it is
    /// when the job runs, and not as it was when somebody clicked: only so can the run begin
    /// again after the branch has moved. A tag is checked out as a commit, and a release is
    /// made on a branch.
    pub(super) fn ready_to_plan(&self, job: &str) -> String {
        let checkout =
            self.checkout_of("${{ github.event_name == 'workflow_dispatch' && github.ref || '' }}");
        checkout + &self.be_on_branch("github.ref_type == 'tag'") + &self.tools(job)
    }

    /// Returns the same for what follows the plan: the commit that the plan begins from.
    pub(super) fn ready_to_release(&self, job: &str) -> String {
        let checkout = self.checkout_of("${{ needs.plan.outputs.commit }}");
        checkout + &self.be_on_branch("") + &self.tools(job)
    }

    /// Returns the same for a branch as it is by now.
    pub(super) fn ready_at(&self, reference: &str, job: &str) -> String {
        self.checkout_of(reference) + &self.tools(job)
    }

    fn checkout_of(&self, reference: &str) -> String {
        let content = self.content.settings();
        let with =
            format!("ref: {reference}\nfetch-depth: 0\n{content}persist-credentials: false\n");
        action("Check out", "", self.checkout(), &with)
    }

    /// Returns the branch that is released from, as the environment of a step.
    pub(super) fn branch(&self) -> String {
        let branch = self.config.release.branch().replace('\'', "''");
        format!("BRANCH: ${{{{ github.ref_type == 'branch' && github.ref_name || '{branch}' }}}}\n")
    }

    fn be_on_branch(&self, condition: &str) -> String {
        let lines = "exec git switch --quiet --force-create \"$BRANCH\"\n";
        script("Be on the branch", condition, &self.branch(), lines)
    }

    /// Returns the toolchain, and what the team adds.
    fn tools(&self, job: &str) -> String {
        let mut text = self.toolchain() + &self.fetch();
        if !self.config.ci.setup.is_empty() {
            let lines = self.config.ci.setup.join("\n");
            text.push_str(&script("Make ready", "", "", &lines));
        }
        text + &parts::empty(job)
    }

    fn toolchain(&self) -> String {
        let name = "Install the toolchain";
        match &self.toolchain {
            None => script(name, "", "", "rustup toolchain install\n"),
            Some(toolchain) => script(
                name,
                "",
                &format!("TOOLCHAIN: {}\n", scalar(toolchain)),
                // For this directory: what else the machine builds keeps its own toolchain.
                "rustup toolchain install \"$TOOLCHAIN\" --profile minimal --component rustfmt,clippy\n\
                 rustup override set \"$TOOLCHAIN\"\n",
            ),
        }
    }

    /// Returns the step that fetches what is not public, before anything is built: it alone has
    /// the tokens for that, and `cargo fetch` runs no code of a package.
    fn fetch(&self) -> String {
        let fetch = &self.config.ci.fetch;
        if fetch.registries.is_empty() && fetch.git.is_empty() {
            return String::new();
        }
        let mut env = String::new();
        for name in &fetch.registries {
            let variable = Token::variable(name);
            env.push_str(&format!(
                "{variable}: ${{{{ secrets.{variable} }}}} {READS}\n"
            ));
        }
        if !fetch.registries.is_empty() {
            env.push_str("CARGO_REGISTRY_GLOBAL_CREDENTIAL_PROVIDERS: \"cargo:token\"\n");
        }
        if !fetch.git.is_empty() {
            // cargo's own git asks no helper that is given by the environment.
            env.push_str(&format!(
                "CARGO_NET_GIT_FETCH_WITH_CLI: \"true\"\nGIT_CONFIG_COUNT: \"{}\"\n",
                fetch.git.len()
            ));
        }
        for (at, (address, secret)) in fetch.git.iter().enumerate() {
            let key = scalar(&format!(
                "credential.{}.helper",
                address.trim_end_matches('/')
            ));
            env.push_str(&format!(
                "GIT_CONFIG_KEY_{at}: {key}\nGIT_CONFIG_VALUE_{at}: '!answer() {{ test \"$1\" != get || printf \"username=x-access-token\\npassword=%s\\n\" \"$FETCH_TOKEN_{at}\"; }}; answer'\nFETCH_TOKEN_{at}: ${{{{ secrets.{secret} }}}} {READS}\n"
            ));
        }
        script(FETCH, "", &env, "exec cargo fetch --locked\n")
    }

    /// Returns the path of a file of the workspace, for actions, which know no directory
    /// but the checkout's.
    pub(super) fn path(&self, path: &str) -> String {
        match self.subdirectory {
            "" => path.to_owned(),
            within => format!("{within}/{path}"),
        }
    }

    /// Takes up what earlier jobs, or an earlier attempt, have done, and nothing else: on a
    /// runner that is kept, other runs may have left theirs.
    pub(super) fn take(&self) -> String {
        self.take_if("", "")
    }

    /// Returns the same under a condition, with options of the import.
    pub(super) fn take_if(&self, condition: &str, options: &str) -> String {
        let with = format!("pattern: state-*\npath: {}\n", self.path(CARRIED));
        let take = action(
            "Take what is done already",
            condition,
            self.download_artifact(),
            &with,
        );
        let import = format!("exec cargo xtask ci import --set-aside-others {options}{CARRIED}");
        take + &script("Import what is done", condition, "", &import)
    }

    /// Returns the step that sets aside what an earlier job has left on a runner that is kept,
    /// for a job that takes nothing up.
    pub(super) fn take_nothing(&self) -> String {
        let import = format!("exec cargo xtask ci import --set-aside-others {CARRIED}");
        script("Set aside what an earlier job has left", "", "", &import)
    }

    /// Hands on what was done, however the job ends. `name` sorts after those of
    /// earlier jobs.
    pub(super) fn hand_on(&self, name: &str) -> String {
        self.hand_on_if("always()", name)
    }

    /// Returns the same under a condition.
    pub(super) fn hand_on_if(&self, condition: &str, name: &str) -> String {
        let export = format!("exec cargo xtask ci export {STATE}");
        let export = script("Export what is done", condition, "", &export);
        let with = format!(
            "name: state-{name}\npath: {}\nif-no-files-found: error\noverwrite: true\nretention-days: 30\n",
            self.path(STATE)
        );
        export + &action("Hand it on", condition, self.upload_artifact(), &with)
    }
}

/// The frame of a job.
#[derive(Default)]
pub(super) struct Job<'a> {
    pub(super) id: &'a str,
    pub(super) name: &'a str,
    pub(super) needs: &'a [&'a str],
    /// An expression; empty: always.
    pub(super) condition: &'a str,
    pub(super) minutes: u32,
    /// An expression; empty: the runner of every job.
    pub(super) runner: &'a str,
    /// Lines of YAML; empty: none at all.
    pub(super) permissions: &'a str,
    /// The GitHub environment, or an expression; empty: none.
    pub(super) environment: &'a str,
    /// The environment is for its secrets alone: nothing is deployed.
    pub(super) only_asks: bool,
    /// Further lines of YAML.
    pub(super) more: &'a str,
}

/// Returns the lines of `concurrency`. GitHub keeps one waiting run in a group unless it is
/// told otherwise, and would cancel a waiting rollback for a push.
pub(super) fn concurrency(group: &str, why: &str) -> String {
    format!(
        "concurrency:\n  group: {group}\n  # {why}\n  cancel-in-progress: false\n  queue: max\n\n"
    )
}

/// What git and the GitHub client need to reach the repository. git asks for the
/// token when it needs it, so that it is written nowhere.
pub(super) const ACCESS: &str = r#"GITHUB_TOKEN: ${{ github.token }}
GIT_CONFIG_COUNT: "1"
GIT_CONFIG_KEY_0: credential.${{ github.server_url }}.helper
GIT_CONFIG_VALUE_0: '!answer() { test "$1" != get || printf "username=x-access-token\npassword=%s\n" "$GITHUB_TOKEN"; }; answer'
"#;

/// The input that says why something is deployed in a freeze.
pub(super) const OVERRIDE_FREEZE: &str = "override_freeze:\n  description: Deploy although deploys are frozen, and why\n  type: string\n  default: \"\"\n";
/// How it reaches the shell, and the command.
pub(super) const FREEZE_ENV: &str = "OVERRIDE_FREEZE: ${{ inputs.override_freeze }}\n";
pub(super) const FREEZE_OPTION: &str =
    "if [ -n \"$OVERRIDE_FREEZE\" ]; then options+=(--override-freeze \"$OVERRIDE_FREEZE\"); fi\n";

/// Where the agent listens.
pub(super) const AGENT: &str = "SSH_AUTH_SOCK: ${{ runner.temp }}/stagegate-agent.sock\nSTAGEGATE_KNOWN_HOSTS: ${{ runner.temp }}/stagegate-known-hosts\n";

/// What a linter is told of a secret that no environment guards: jobs that check have none.
const READS: &str = "# zizmor: ignore[secrets-outside-env] It may only read.";

/// What the step that fetches dependencies is called.
const FETCH: &str = "Fetch what is not public";

/// Returns the step that puts the deploy key from the environment into an agent, through a
/// pipe.
pub(super) fn agent(condition: &str) -> String {
    let env = format!(
        "DEPLOY_KEY: ${{{{ secrets.DEPLOY_KEY }}}}\nKNOWN_HOSTS: ${{{{ vars.KNOWN_HOSTS }}}}\n{AGENT}"
    );
    let lines = r#"if [ -z "$DEPLOY_KEY" ]; then
  echo '::error::the environment has no secret DEPLOY_KEY: the private key that the hosts know'
  exit 1
fi
if [ -n "$KNOWN_HOSTS" ]; then printf '%s\n' "$KNOWN_HOSTS" > "$STAGEGATE_KNOWN_HOSTS"; fi
eval "$(ssh-agent -a "$SSH_AUTH_SOCK")" > /dev/null
printf '%s\n' "$SSH_AGENT_PID" > "$SSH_AUTH_SOCK.pid"
printf '%s\n' "$DEPLOY_KEY" | ssh-add -q -
"#;
    script("Load the deploy key into an agent", condition, &env, lines)
}

/// Returns the step that ends the agent, and with it the key, however the job ends.
pub(super) fn agent_ends() -> String {
    let lines =
        "if [ -f \"$SSH_AUTH_SOCK.pid\" ]; then kill \"$(cat \"$SSH_AUTH_SOCK.pid\")\"; fi\n";
    let lines = format!("{lines}rm -f \"$SSH_AUTH_SOCK.pid\" \"$STAGEGATE_KNOWN_HOSTS\"\n");
    script("End the agent", "always()", AGENT, &lines)
}
