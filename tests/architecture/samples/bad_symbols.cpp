// What the symbol check must refuse: one function for each kind.
#include <fcntl.h>
#include <sys/socket.h>

#include <chrono>
#include <fstream>
#include <random>
#include <thread>

long sample_clock() { return std::chrono::steady_clock::now().time_since_epoch().count(); }
int sample_socket() { return ::socket(AF_INET, SOCK_STREAM, 0); }
int sample_file() { return ::open("/dev/null", O_RDONLY); }
bool sample_stream() { return std::ifstream("/dev/null").good(); }
void sample_thread() { std::thread([] {}).join(); }
unsigned sample_entropy() { return std::random_device()(); }
