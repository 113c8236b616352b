/*
 * builder, launcher and shell of lifecycle.tgz: one program under three names, which becomes the archive's own Python.
 *
 *     DIR/NAME ARGUMENT...
 *  -> DIR/lib/ld-linux-x86-64.so.2 --inhibit-cache --library-path '$ORIGIN/../lib' DIR/bin/python3
 *         -I -B -S -X utf8 -c "... stagewright.lifecycle.NAME ..." DIR/NAME ARGUMENT...
 *
 * It is no shell script, since a shell changes what it hands on: dash drops variables that are no shell names ("spring.profiles"),
 * bash counts SHLVL up and obeys BASH_ENV. And it uses no C library, so that nothing but the kernel is asked for.
 *
 * Arguments and environment pass as they are, but for variables that the dynamic loader and OpenSSL would obey: an LD_PRELOAD is
 * meant for the app, and its library for the cell's C library. Those get HIDDEN before their names; stagewright takes it off again
 * (lifecycle/surroundings.py).
 */

#define HIDDEN "STAGEWRIGHT_HIDDEN_"

enum { READ_FAILED = 126, LONGEST = 4096, SYS_write = 1, SYS_execve = 59, SYS_exit = 60, SYS_readlink = 89 };

static long ask(long number, long first, long second, long third)
{
	long answer;

	__asm__ volatile("syscall" : "=a"(answer) : "a"(number), "D"(first), "S"(second), "d"(third) : "rcx", "r11", "memory");
	return answer;
}

static unsigned long length(const char *text)
{
	unsigned long count = 0;

	while (text[count])
		count++;
	return count;
}

/* Copies text to place, with its null, and gives the place of that null. */
static char *put(char *place, const char *text)
{
	while ((*place = *text++))
		place++;
	return place;
}

static int begins(const char *text, const char *with)
{
	while (*with)
		if (*text++ != *with++)
			return 0;
	return 1;
}

static int same(const char *one, const char *other)
{
	return begins(one, other) && length(one) == length(other);
}

static int is_hidden(const char *variable)
{
	return begins(variable, "LD_") || begins(variable, "GLIBC_TUNABLES=") || begins(variable, "OPENSSL_");
}

__attribute__((noreturn)) static void fail(const char *name, const char *why)
{
	ask(SYS_write, 2, (long)name, (long)length(name));
	ask(SYS_write, 2, (long)why, (long)length(why));
	for (;;)
		ask(SYS_exit, READ_FAILED, 0, 0);
}

static const char *code_of(const char *name)
{
#define CODE(module) "import sys; del sys.argv[0]; from stagewright.lifecycle." module " import main; main()"
	if (same(name, "builder"))
		return CODE("builder");
	if (same(name, "launcher"))
		return CODE("launcher");
	if (same(name, "shell"))
		return CODE("shell");
	return 0;
}

/* stack: what the kernel hands to a new program, that is the count of arguments, these, a null, the environment, a null. */
__attribute__((noreturn, used)) static void start(long *stack)
{
	long count = stack[0], variables = 0, each;
	char **arguments = (char **)(stack + 1), **environment = arguments + count + 1;
	char own[LONGEST], loader[LONGEST + 32], python[LONGEST + 32];
	unsigned long hidden = 0;
	const char *code;
	char *end;

	if (count < 1)
		fail("lifecycle", ": no name is given\n");
	each = ask(SYS_readlink, (long)"/proc/self/exe", (long)own, LONGEST - 1);
	if (each < 1 || each >= LONGEST - 1)
		fail(arguments[0], ": /proc/self/exe cannot be read: mount proc in this container\n");
	own[each] = 0;
	for (end = own + each; *end != '/'; end--)
		;
	*end = 0;
	code = code_of(end + 1);
	if (!code)
		fail(arguments[0], ": this program is called builder, launcher or shell\n");
	put(put(loader, own), "/lib/ld-linux-x86-64.so.2");
	put(put(python, own), "/bin/python3");

	for (; environment[variables]; variables++)
		if (is_hidden(environment[variables]))
			hidden += sizeof HIDDEN + length(environment[variables]);
	{
		char *before[] = { loader, "--inhibit-cache", "--library-path", "$ORIGIN/../lib", python, "-I", "-B", "-S",
				   "-X", "utf8", "-c", (char *)code };
		enum { BEFORE = sizeof before / sizeof *before };
		char *becoming[BEFORE + count + 1], *passed[variables + 1], names[hidden + 1], *name = names;

		for (each = 0; each < BEFORE; each++)
			becoming[each] = before[each];
		for (each = 0; each <= count; each++)
			becoming[BEFORE + each] = arguments[each];
		for (each = 0; each < variables; each++) {
			passed[each] = environment[each];
			if (is_hidden(environment[each])) {
				passed[each] = name;
				name = put(put(name, HIDDEN), environment[each]) + 1;
			}
		}
		passed[variables] = 0;
		ask(SYS_execve, (long)loader, (long)becoming, (long)passed);
	}
	fail(arguments[0], ": lib/ld-linux-x86-64.so.2, which lies beside this program, cannot be started\n");
}

__asm__(".globl _start\n_start: mov %rsp, %rdi\n and $-16, %rsp\n call start\n");
