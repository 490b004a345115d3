package app;

public class Main {
    public static void main(String[] words) {
        System.out.println("sum: " + Sum.of(1, 2, 3));
    }
}
