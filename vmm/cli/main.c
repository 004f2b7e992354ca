// SPDX-License-Identifier: MIT
/* The command line: which commands there are, and what they take. */
#include "vmm/cli/cli.h"

#include "vmm/base/words.h"
#include "vmm/cli/standard_fds.h"

#include <stdio.h>
#include <string.h>

#define TAKES_CONFIG  (1u << 0)
#define TAKES_JSON    (1u << 1)
#define TAKES_TIMINGS (1u << 2)

static const struct command {
	const char *name;
	unsigned int takes;
	const char *usage;
	const char *summary;
	const char *help;
	enum status (*run)(const struct options *options);
} commands[] = {
	{"run", TAKES_CONFIG | TAKES_TIMINGS, "run CONFIG [--timings]", "start the VM",
	 "Starts the VM that the file CONFIG describes and waits for its end. The guest's console\n"
	 "is on the terminal unless serial.output says otherwise; keys, also ^C, go to the guest,\n"
	 "and ^A x ends the VM.\n"
	 "\n"
	 "SIGTERM, SIGINT and SIGHUP press the guest's power button. When it has not powered off\n"
	 "after machine.grace seconds, or at a second signal, a second or more after the first, the\n"
	 "VM is stopped. SIGQUIT stops it at once.\n"
	 "\n"
	 "  --timings   at the end, write the microseconds from the start of the process to each\n"
	 "              step, and the number of exits from the guest, to stderr\n",
	 cmd_run},
	{"check", TAKES_CONFIG, "check CONFIG", "read everything, start nothing",
	 "Reads the configuration and every file that the VM boots from, as `run` does, and looks at\n"
	 "its images, sockets and interfaces. Says everything that is wrong, with its line. Needs no\n"
	 "KVM, and changes nothing.\n"
	 "\n"
	 "The exit status is 2 when the configuration is at fault, also by naming what is not there,\n"
	 "and 1 when only the host does not let it be used now.\n",
	 cmd_check},
	{"plan", TAKES_CONFIG | TAKES_JSON, "plan CONFIG [--json]",
	 "print the guest memory map and the launch, step by step",
	 "Prints what `run` would do: the guest's memory map, what is put where, and how the guest\n"
	 "is started. Needs no KVM.\n"
	 "\n"
	 "  --json      for programs\n",
	 cmd_plan},
	{"measure", TAKES_CONFIG | TAKES_JSON, "measure CONFIG [--json]",
	 "print the launch measurement of a confidential VM",
	 "Prints the measurement that the hardware will report for this VM: 96 hexadecimal digits,\n"
	 "the launch digest of SNP or the MRTD of TDX. Other VMs have none. Needs no KVM and no\n"
	 "such hardware.\n"
	 "\n"
	 "  --json      with everything that was measured, in its order\n",
	 cmd_measure},
	{"probe", TAKES_JSON, "probe [--json]", "say what this host offers, and what is missing",
	 "Says whether this host can run VMs, which kinds, with which kind of memory, and what\n"
	 "helps where something is missing.\n"
	 "\n"
	 "  --json      for programs\n",
	 cmd_probe},
};

#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < NCOMMANDS; i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

static enum status unknown_command(const char *name)
{
	const char *nearest = NULL;
	size_t best = 3; /* more letters off, and it is another word */

	for (size_t i = 0; i < NCOMMANDS; i++) {
		const char *known = commands[i].name;
		size_t distance = word_distance(name, strlen(name), known, strlen(known));

		if (distance < best) {
			best = distance;
			nearest = known;
		}
	}
	if (nearest)
		complain("unknown command '%s': did you mean '%s'?", name, nearest);
	else
		complain("unknown command '%s': see 'minivmm --help'", name);
	return STATUS_USAGE;
}

static enum status print_help(void)
{
	printf("minivmm starts virtual machines on Linux KVM.\n\nusage: minivmm COMMAND ...\n\n");
	for (size_t i = 0; i < NCOMMANDS; i++)
		printf("  %-24s %s\n", commands[i].usage, commands[i].summary);
	printf("  %-24s %s\n", "help COMMAND", "say more about a command");
	printf("\n"
	       "  -h, --help               this text\n"
	       "  --help-config            every key of a configuration file\n"
	       "  -V, --version            the version\n"
	       "\n"
	       "CONFIG is a file, or - for standard input. Behind -- nothing is an option.\n"
	       "\n"
	       "exit status: 0 the guest powered off, or the report was written; 1 the VM could\n"
	       "not be started, or failed; 2 wrong command line or configuration; 3 the guest\n"
	       "crashed\n");
	return STATUS_OK;
}

static enum status print_command_help(const struct command *command)
{
	printf("usage: minivmm %s\n\n%s", command->usage, command->help);
	return STATUS_OK;
}

static void print_line(void *ctx, const char *line)
{
	(void)ctx;
	puts(line);
}

/* "-" is standard input. */
static bool is_option(const char *arg)
{
	return arg[0] == '-' && arg[1] != '\0';
}

/* What stands after the command. */
static enum status run_command(const struct command *command, char **args, struct options *options)
{
	bool no_more = false;

	for (; *args; args++) {
		bool option = !no_more && is_option(*args);

		if (option && (strcmp(*args, "--help") == 0 || strcmp(*args, "-h") == 0))
			return print_command_help(command);
		if (option && strcmp(*args, "--") == 0) {
			no_more = true;
		} else if (option && (command->takes & TAKES_JSON) &&
			   strcmp(*args, "--json") == 0) {
			options->json = true;
		} else if (option && (command->takes & TAKES_TIMINGS) &&
			   strcmp(*args, "--timings") == 0) {
			options->timings = true;
		} else if (option) {
			complain("%s: unknown option '%s': see 'minivmm help %s'", command->name,
				 *args, command->name);
			return STATUS_USAGE;
		} else if (!(command->takes & TAKES_CONFIG) || options->config) {
			complain("%s: unexpected argument '%s': usage: minivmm %s", command->name,
				 *args, command->usage);
			return STATUS_USAGE;
		} else {
			options->config = *args;
		}
	}
	if ((command->takes & TAKES_CONFIG) && !options->config) {
		complain("%s: no configuration file given: usage: minivmm %s", command->name,
			 command->usage);
		return STATUS_USAGE;
	}
	return command->run(options);
}

/* What can stand in a command's place, and needs no more than that; "help" may name a command. */
static const char *const words[] = {"help", "--help", "-h", "--version", "-V", "--help-config"};

#define HELP_WORDS 3 /* at the front */

static enum status say(size_t word, char **args)
{
	const char *name = word < HELP_WORDS && *args ? *args++ : NULL;
	const struct command *command = name ? find_command(name) : NULL;

	if (*args) {
		complain("%s: unexpected argument '%s': see 'minivmm --help'", words[word], *args);
		return STATUS_USAGE;
	}
	if (name)
		return command ? print_command_help(command) : unknown_command(name);
	if (word < HELP_WORDS)
		return print_help();
	if (strcmp(words[word], "--help-config") == 0)
		minivmm_config_help(print_line, NULL);
	else
		printf("minivmm %s\n", minivmm_version());
	return STATUS_OK;
}

int main(int argc, char **argv)
{
	struct options options = {.start_ns = timings_start()};
	const struct command *command;

	standard_fds_fill();
	if (argc < 2) {
		complain("no command given: see 'minivmm --help'");
		return STATUS_USAGE;
	}
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(argv[1], words[i]) == 0)
			return (int)say(i, argv + 2);
	command = find_command(argv[1]);
	if (!command)
		return (int)unknown_command(argv[1]);
	return (int)run_command(command, argv + 2, &options);
}
