/* The peer of bench/ring.mjs: the time of an MPI_Allreduce (sum) of some floats. Prints one line for each round:
   milliseconds of the slowest rank, and of processor time of the rank that used most.
   usage: mpi-allreduce <floats> <times> <rounds> */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>

#if __has_include(<mpi.h>)
#include <mpi.h>
#else
/* The library alone is enough: these are the handles of Open MPI. Linked with -l:libmpi.so.40. */
typedef void *Handle;
extern char ompi_mpi_comm_world[], ompi_mpi_float[], ompi_mpi_double[], ompi_mpi_op_max[];
int MPI_Init(int *, char ***), MPI_Finalize(void), MPI_Barrier(Handle), MPI_Abort(Handle, int);
int MPI_Comm_rank(Handle, int *), MPI_Comm_size(Handle, int *);
int MPI_Allreduce(const void *, void *, int, Handle, Handle, Handle);
int MPI_Reduce(const void *, void *, int, Handle, Handle, int, Handle);
double MPI_Wtime(void);
#define MPI_COMM_WORLD ((Handle)ompi_mpi_comm_world)
#define MPI_FLOAT ((Handle)ompi_mpi_float)
#define MPI_DOUBLE ((Handle)ompi_mpi_double)
#define MPI_MAX ((Handle)ompi_mpi_op_max)
#define MPI_IN_PLACE ((void *)1)
#endif

static double processor_ms(void) {
  struct rusage used;
  getrusage(RUSAGE_SELF, &used);
  return 1e3 * (used.ru_utime.tv_sec + used.ru_stime.tv_sec) + 1e-3 * (used.ru_utime.tv_usec + used.ru_stime.tv_usec);
}

int main(int argc, char **argv) {
  MPI_Init(&argc, &argv);
  int rank, size;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_size(MPI_COMM_WORLD, &size);
  int length = atoi(argv[1]), times = atoi(argv[2]), rounds = atoi(argv[3]);
  float *values = malloc(sizeof(float) * length);
  for (int round = -1; round < rounds; round++) {
    for (int i = 0; i < length; i++) values[i] = rank + 1;
    MPI_Barrier(MPI_COMM_WORLD);
    double begin = MPI_Wtime(), used = processor_ms();
    for (int i = 0; i < times; i++) MPI_Allreduce(MPI_IN_PLACE, values, length, MPI_FLOAT, MPI_MAX, MPI_COMM_WORLD);
    double own[2] = {1e3 * (MPI_Wtime() - begin) / times, (processor_ms() - used) / times}, worst[2];
    MPI_Reduce(own, worst, 2, MPI_DOUBLE, MPI_MAX, 0, MPI_COMM_WORLD);
    for (int i = 0; i < length; i++)
      if (values[i] != size) MPI_Abort(MPI_COMM_WORLD, 1);
    /* The first round is a warm-up. */
    if (rank == 0 && round >= 0) printf("%.4f %.4f\n", worst[0], worst[1]);
  }
  MPI_Finalize();
  return 0;
}
