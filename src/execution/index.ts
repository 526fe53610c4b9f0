export { exactDequantizedProducts } from './exact-dequantized-products.ts';
