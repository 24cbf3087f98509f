/* rcptguardd: all of it is in the library, so that tests link it too. */
#include "daemon.h"

int main(int argc, char **argv)
{
    return daemon_main(argc, argv);
}
